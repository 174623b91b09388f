"""Every URL of the site: the console, the accounts, the admin."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import include, path

from promotion.views.gallery import gallery

admin.site.site_header = "Promotion Console"
admin.site.site_title = "Promotion Console"
admin.site.site_url = "/"

urlpatterns = [
    path("accounts/login/", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("accounts/password/", auth_views.PasswordChangeView.as_view(), name="password_change"),
    path("accounts/password/done/", auth_views.PasswordChangeDoneView.as_view(), name="password_change_done"),
    path("admin/", admin.site.urls),
    path("", include("promotion.urls")),
]

if not settings.PRODUCTION:
    # Every component on one page, for looking and for the tests.
    urlpatterns.insert(0, path("gallery/", gallery, name="gallery"))
